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

VectorWriter::VectorWriter(std::vector<std::byte>& target) : target_(target) {
  target_.resize(target_.capacity());
  begin_ = at_ = target_.data();
  end_ = begin_ + target_.size();
}

void VectorWriter::grow(std::size_t count) {
  auto const written = size();
  target_.resize(std::max({written + count, 2 * written, std::size_t{64}}));
  target_.resize(target_.capacity());
  begin_ = target_.data();
  at_ = begin_ + written;
  end_ = begin_ + target_.size();
}

void VectorWriter::finish() { target_.resize(size()); }

}  // namespace cohort::detail
