"""Networks: what their cards say, where they are, and the engines that run them."""
