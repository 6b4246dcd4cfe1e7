/// A test program with the main() that comes with Catch2.
#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_MAIN
#endif
#include "support/catch.hpp"

#include "basics.hpp"

TEST_CASE("spawn") { CHECK(run_basics("spawn") == 0); }
