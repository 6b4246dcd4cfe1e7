#pragma once

/// The version as one number: major * 10000 + minor * 100 + patch.
#define COHORT_VERSION 100

namespace cohort {
/// The version as numbers, for `if constexpr`.
inline constexpr int version_major = 0, version_minor = 1, version_patch = 0;
}  // namespace cohort
