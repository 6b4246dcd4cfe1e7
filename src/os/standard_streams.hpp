#pragma once

namespace cohort::os {

/// Opens /dev/null for each of the descriptors 0, 1 and 2 that is closed. Else the next pipe or shared memory
/// would get its number, and what the program prints would go there.
void open_standard_streams();

}  // namespace cohort::os
