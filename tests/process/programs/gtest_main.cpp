/// A test program with the main() that comes with GoogleTest.
#include <gtest/gtest.h>

#include "basics.hpp"

TEST(Basics, Spawn) { EXPECT_EQ(run_basics("spawn"), 0); }
