#include "support/library.hpp"

namespace cohort::test {

void settle_library() {}

}  // namespace cohort::test
