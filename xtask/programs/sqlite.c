/* A small shell around SQLite: runs the statements of its second argument, or of standard input, on the database of its first.
 * Prints a row a line, with `|` between the columns; ends with status 1 at the first error. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print_row(void *unused, int columns, char **values, char **names) {
    (void)unused;
    (void)names;
    for (int i = 0; i < columns; i++) printf("%s%s", i ? "|" : "", values[i] ? values[i] : "");
    putchar('\n');
    return 0;
}

/* All of standard input as a string, or NULL where the memory does not suffice. */
static char *read_script(void) {
    size_t length = 0, capacity = 1 << 16;
    char *text = malloc(capacity);
    while (text) {
        length += fread(text + length, 1, capacity - length - 1, stdin);
        if (feof(stdin) || ferror(stdin)) {
            text[length] = 0;
            return text;
        }
        char *larger = realloc(text, capacity *= 2);
        if (!larger) free(text);
        text = larger;
    }
    return NULL;
}

int main(int argc, char **argv) {
    if (argc < 2 || argc > 3 || !strcmp(argv[1], "--help")) {
        fprintf(stderr, "usage: sqlite DATABASE [STATEMENTS]\n");
        return 2;
    }
    if (!strcmp(argv[1], "--version")) {
        puts(sqlite3_libversion());
        return 0;
    }
    sqlite3 *database = NULL;
    if (sqlite3_open(argv[1], &database) != SQLITE_OK) {
        fprintf(stderr, "cannot open `%s`: %s\n", argv[1], sqlite3_errmsg(database));
        return 1;
    }
    char *script = argc == 3 ? argv[2] : read_script();
    char *message = NULL;
    int status = script ? sqlite3_exec(database, script, print_row, NULL, &message) : SQLITE_NOMEM;
    if (status != SQLITE_OK) fprintf(stderr, "error: %s\n", message ? message : sqlite3_errstr(status));
    sqlite3_free(message);
    sqlite3_close(database);
    return status == SQLITE_OK ? 0 : 1;
}
