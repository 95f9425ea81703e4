"""Diagrams: what is drawn as plain values, and two ways to draw it.

Sheet(title, subtitle, panels)                  `layout`, of what is in `drawing` and `axes`
document(sheets, heading, table)                an interactive page that needs no network (`page`, plotly)
save_png(sheet, path)                           a static picture, made without a browser (`picture`, matplotlib)
"""
