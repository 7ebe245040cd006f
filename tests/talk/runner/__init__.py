"""What scripts/talk and scripts/compare share: the wire, the notation of replies, conversations, servers."""
