"""Other people's programs that cliffguard works in, or tells: each imported when it is named."""
