"""What course.py and the maintainers use; nothing here is part of the installed package."""
