#pragma once

/// Fault points: the places where a death must be survived, named so that a test can die exactly there.
///
///     COHORT_FAULT_POINT("heap.pop.announced");
///
/// is nothing, unless the file is compiled with COHORT_FAULTS. Then the environment says what happens there:
/// COHORT_FAULT=point:action[:nth] acts when this process comes to the point for the nth time (default 1);
/// action is one of kill9, exit0, abort, stop, throw and enospc.
#ifdef COHORT_FAULTS
namespace cohort::os {
void fault_point(char const* name);
}
#define COHORT_FAULT_POINT(name) ::cohort::os::fault_point(name)
#else
#define COHORT_FAULT_POINT(name) static_cast<void>(0)
#endif
