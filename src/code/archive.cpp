#include <cohort/detail/archive.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace cohort::detail {

std::size_t Writer::attach(int) {
  throw PicklingError(
      "cohort: a Connection or descriptor travels in the arguments of a Process or over a Connection only; "
      "these bytes carry no descriptors");
}

Descriptors::~Descriptors() {
  for (int const descriptor : open_)
    if (descriptor >= 0) ::close(descriptor);
}

int Descriptors::take(std::size_t index) {
  if (index >= open_.size() || open_[index] < 0)
    throw UnpicklingError(fmt::format("cohort: the message has no descriptor {}", index));
  return std::exchange(open_[index], -1);
}

int Reader::take(std::size_t index) {
  if (descriptors_ == nullptr) throw UnpicklingError("cohort: these bytes came without descriptors");
  return descriptors_->take(index);
}

void Reader::fail_truncated(std::size_t wanted) const {
  throw UnpicklingError(fmt::format("cohort: the bytes are cut short: {} wanted at {}, {} left", wanted,
                                    position(), remaining()));
}

void Reader::fail_length(std::uint64_t count) const {
  throw UnpicklingError(
      fmt::format("cohort: the bytes are cut short: {} elements announced at {}, {} bytes left", count,
                  position(), remaining()));
}

void Reader::fail_trailing() const {
  throw UnpicklingError(
      fmt::format("cohort: the value ends at byte {}, and {} bytes follow it", position(), remaining()));
}

void Nested::fail_saving() {
  throw PicklingError(fmt::format("cohort: the value is nested more than {} levels deep", Writer::max_depth));
}

void Nested::fail_loading() {
  throw UnpicklingError(
      fmt::format("cohort: the bytes are nested more than {} levels deep", Reader::max_depth));
}

void VectorWriter::overflow(void const* source, std::size_t count) {
  auto const written = size();
  auto const* const bytes = static_cast<std::byte const*>(source);
  // Room for small writes is made of zeros, so it grows with what is there but never by more than a page.
  auto const room = std::clamp<std::size_t>(written + count, 64, 4096);
  if (target_.capacity() < written + count + room)
    target_.reserve(std::max(2 * written, written + count + room));
  target_.resize(written);
  target_.insert(target_.end(), bytes, bytes + count);
  target_.resize(std::min(target_.capacity(), written + count + room));
  begin_ = target_.data();
  at_ = begin_ + written + count;
  end_ = begin_ + target_.size();
}

}  // namespace cohort::detail
