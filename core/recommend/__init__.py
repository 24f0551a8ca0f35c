"""What a user would be shown, why, and how good that is: recommenders, their evaluation, serving and explanation."""
