"""Takes every shipped example through the whole of dlfix, as a user would."""
