#pragma once

/// Python's `multiprocessing`, whole.
#include <cohort/multiprocessing/connection.hpp>  // IWYU pragma: export
#include <cohort/multiprocessing/context.hpp>     // IWYU pragma: export
#include <cohort/multiprocessing/errors.hpp>      // IWYU pragma: export
#include <cohort/multiprocessing/pool.hpp>        // IWYU pragma: export
#include <cohort/multiprocessing/process.hpp>     // IWYU pragma: export
#include <cohort/multiprocessing/reduction.hpp>   // IWYU pragma: export
