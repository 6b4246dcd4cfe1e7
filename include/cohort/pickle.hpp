#pragma once
#include <cohort/detail/codec_classes.hpp>
#include <cohort/detail/codec_containers.hpp>
#include <cohort/detail/codec_pointers.hpp>
#include <cohort/detail/codec_scalars.hpp>
#include <cohort/detail/codec_sums.hpp>
#include <cohort/detail/picklable.hpp>
#include <cohort/detail/refuse.hpp>
#include <cohort/errors.hpp>
#include <cohort/timeout.hpp>

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

/// Values as bytes: Python's `pickle`. What can be pickled is decided when compiling, by `cohort::Picklable`.
///
///     struct Job { std::string name; std::vector<double> weights; };
///     auto const bytes = cohort::pickle::dumps(Job{"a", {1, 2}});
///     auto const job = cohort::pickle::loads<Job>(bytes);
///
/// The functions keep no state: any number of threads may call them. Bytes are for programs of the same
/// architecture in which the type has the same definition; they do not outlive a change of it.
namespace cohort::pickle {

/// Writes `value` into `into`, whose contents it replaces and whose memory it uses again: Python's `dump`
/// into a file. `PicklingError` for a cycle of `shared_ptr`s, a `variant` without value, more than 1000
/// levels of nesting and for handles that cannot leave the process this way.
template <Picklable T> void dump(T const& value, std::vector<std::byte>& into) {
  detail::VectorWriter writer(into);
  detail::save_typed(writer, value);
  writer.finish();
}

/// The bytes of `value`. Throws as `dump` does.
template <Picklable T> std::vector<std::byte> dumps(T const& value) {
  std::vector<std::byte> bytes;
  pickle::dump(value, bytes);
  return bytes;
}

/// The value that `dumps` made these bytes from. `UnpicklingError` if they hold another type, are cut short,
/// go on after the value or were never made by `dumps`; they take no more memory than their number justifies.
template <Picklable T> T loads(std::span<std::byte const> bytes) {
  detail::Reader reader(bytes);
  T value = detail::load_typed<T>(reader);
  reader.expect_end();
  return value;
}

/// A string literal is a string: `dumps("text")`.
inline std::vector<std::byte> dumps(char const* text) { return dumps(std::string(text)); }
inline void dump(char const* text, std::vector<std::byte>& into) { dump(std::string(text), into); }

/// Anything else: the compiler says why not.
template <class T>
requires(!Picklable<T>) void dump(T const&, std::vector<std::byte>&) { detail::refuse<T>(); }
template <class T>
requires(!Picklable<T>) std::vector<std::byte> dumps(T const&) {
  detail::refuse<T>();
  return {};
}
template <class T>
requires(!Picklable<T>) T loads(std::span<std::byte const>) { detail::refuse<T>(); }

}  // namespace cohort::pickle

/// `None` is formatted as in Python.
template <> struct fmt::formatter<cohort::NoneType> : fmt::formatter<std::string_view> {
  template <class Context> auto format(cohort::NoneType, Context& context) const {
    return fmt::formatter<std::string_view>::format("None", context);
  }
};

#include <cohort/detail/exceptions.hpp>
