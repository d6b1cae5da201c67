"""The sandbox as a person meets it: both servers for real, and a browser."""
