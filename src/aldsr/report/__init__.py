"""Results → tables: the layouts of the paper, with its figures beside ours and told apart from them."""
