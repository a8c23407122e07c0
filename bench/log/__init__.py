"""How quickly the message log finds something, among so many messages of so many days."""
