"""What a trained model is worth: evaluation, inference, and whether it keeps what its trial promised."""
