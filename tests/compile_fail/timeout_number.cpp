// expect: Timeout
// A number has no unit: is it seconds or milliseconds?
#include <cohort/timeout.hpp>

#ifdef COHORT_EXPECT_OK
cohort::Timeout timeout = std::chrono::seconds(2);
#else
cohort::Timeout timeout = 2;
#endif
