"""The switch for widgets of other makers than ipywidgets."""


def enable_custom_widget_manager(version="5.0.0a"):
    """Let Colab fetch such widgets."""


def disable_custom_widget_manager():
    """Go back to ipywidgets alone."""
