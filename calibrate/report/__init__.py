"""A run as one page: self-contained HTML that a browser shows without any request, and a reader can print or defend.

`contents` gathers what the page says, `page` puts it into the templates. Nothing here decides anything: verdict,
findings and assumptions are the summary's.
"""

from calibrate.report.page import report_of, save_report

__all__ = ["report_of", "save_report"]
