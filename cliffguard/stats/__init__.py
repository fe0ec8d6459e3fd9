"""Statistics on plain numbers (numpy, scipy): no models, no files, no import from cliffguard.

Binary paired scores are described by three counts. ``n_broken`` items were right under the base
and are wrong under the candidate, ``n_fixed`` items went the other way, ``n_items`` were asked.
The *drop* is ``(n_broken - n_fixed) / n_items``, so positive is worse; the *margin* is the
largest drop that is tolerated, and *held* means that a drop of the margin or more is rejected.
"""
