#include "base/log.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <memory>

#include "base/printable.hpp"

namespace modr {

namespace {

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("modr", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_pattern("%^%v%$");
    made->flush_on(spdlog::level::info);
    return made;
  }();
  return *instance;
}

}  // namespace

void set_log_rank(int rank, int size) {
  if (size <= 1) return;
  logger().set_pattern(fmt::format("%^[rank {}] %v%$", rank));
  if (rank != 0) logger().set_level(spdlog::level::warn);
}

void log_text(const std::string& text) { logger().info(printable(text)); }
void warn_text(const std::string& text) { logger().warn("warning: " + printable(text)); }

void say(std::string_view line) noexcept {
  try {
    const std::string whole = fmt::format("{}\n", line);
    std::fwrite(whole.data(), 1, whole.size(), stderr);  // at once, between the lines of other processes
  } catch (const std::exception&) {  // no memory for it
  }
}

}  // namespace modr
