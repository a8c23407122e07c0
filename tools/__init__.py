"""What organisations run themselves: attendance lists, the directory, other systems' formats, receipts."""
