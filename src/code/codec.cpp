#include <cohort/detail/codec_scalars.hpp>
#include <cohort/detail/codec_sums.hpp>

#include <fmt/format.h>

namespace cohort::detail {

void fail_type(std::string const& wanted, std::uint64_t came) {
  throw UnpicklingError(fmt::format("cohort: the bytes hold {} and not {}", known_type_name(came), wanted));
}

void fail_bool(unsigned value) {
  throw UnpicklingError(fmt::format("cohort: {} is neither true nor false", value));
}

void fail_valueless() {
  throw PicklingError("cohort: a std::variant that an exception left without a value cannot be pickled");
}

void fail_alternative(std::size_t index, std::size_t count) {
  throw UnpicklingError(
      fmt::format("cohort: a std::variant of {} types has no alternative {}", count, index));
}

}  // namespace cohort::detail
