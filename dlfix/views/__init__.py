"""Views of a result: HTML, terminal, SARIF and GitHub annotations. They show what is there and judge nothing."""
