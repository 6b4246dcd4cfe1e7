#pragma once

namespace cohort::test {

/// Brings the library to rest: stops the helpers that it keeps for the life of the process (threads, the
/// server processes) and opens what it keeps open until the end. Called before each look for leaks, so
/// that what remains is the test's.
void settle_library();

}  // namespace cohort::test
