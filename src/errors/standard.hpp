#pragma once

namespace cohort::errors {

/// Registers the exceptions of the standard library, of fmt and of `<cohort/errors.hpp>`, save `RemoteError`
/// which travels without being registered.
bool register_standard_exceptions();

}  // namespace cohort::errors
