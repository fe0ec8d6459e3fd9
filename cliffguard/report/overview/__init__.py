"""Several candidates over one base in one table: overview.html, overview.md, overview.json."""
