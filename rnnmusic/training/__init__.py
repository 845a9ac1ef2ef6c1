"""Training and evaluation of generators: recipes, the loop, likelihoods."""
