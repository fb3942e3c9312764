"""The report's charts: each draws itself at a width in pixels, as SVG whose colours come from the page's style."""
