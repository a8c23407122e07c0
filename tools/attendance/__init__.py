"""Lists of who came to a jornada, from spreadsheets and KoboToolbox, sent row by row by an organisation."""
