#pragma once

namespace cohort::os {

/// The processors of the machine.
unsigned cpu_count();

/// Those this process may use: its affinity, and the least quota of its control groups (v1 and v2), rounded
/// up. At least 1.
unsigned usable_cpu_count();

}  // namespace cohort::os
