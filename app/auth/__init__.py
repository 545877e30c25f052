"""Who is calling: users, passwords, sessions, API tokens, and the Principal they lead to."""
