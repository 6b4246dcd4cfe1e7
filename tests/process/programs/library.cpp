/// A function of a shared library that a program is linked with.
#include <cstdlib>

void library_exit(int code) { std::exit(code); }
