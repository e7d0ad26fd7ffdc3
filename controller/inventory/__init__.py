"""Inventory lists in and out: CSV and XLSX, Chinese and English headings, a preview against what is on the wire."""
