"""Other people's formats: pure functions between the data of contracts and the JSON that partners' systems speak."""
