#pragma once
#include <string>

/// Starts a few processes and a pool by the start method, and says on standard error what went wrong: what
/// must work wherever a program runs. Returns the program's exit status.
int run_basics(std::string const& method);
