/* Counts words; see words.c. */
long count_words(const char *text);
