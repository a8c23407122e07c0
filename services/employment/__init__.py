"""Employment: employers and their vacancies, the people on their way to work, and those who build a business."""
