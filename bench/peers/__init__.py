"""The task on other frameworks, written as their documentation recommends, in an environment of their own."""
