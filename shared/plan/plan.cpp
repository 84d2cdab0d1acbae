#include "shared/plan/plan.hpp"

#include <flatbuffers/flatbuffers.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/crc.hpp>
#include <boost/endian/conversion.hpp>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <limits>
#include <string_view>

#include "plan_generated.h"
#include "shared/plan/layout.hpp"

namespace dboot::plan {
namespace {

constexpr std::string_view magic = "DBOOTPLN";
constexpr std::size_t major_at = 8, minor_at = 10, crc_at = 12, length_at = 16, header_size = 24;
constexpr std::int32_t no_kernel_panic = std::numeric_limits<std::int32_t>::min();

/// Of all bytes but the checksum itself.
std::uint32_t checksum(std::span<const std::uint8_t> file) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;  // Castagnoli
  crc.process_bytes(file.data(), crc_at);
  crc.process_bytes(file.data() + length_at, file.size() - length_at);
  return crc.checksum();
}

using Builder = flatbuffers::FlatBufferBuilder;

flatbuffers::Offset<wire::Bytes> put(Builder& builder, std::string_view text) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  return wire::CreateBytes(builder, builder.CreateVector(bytes, text.size()));
}

auto put(Builder& builder, const std::vector<std::string>& texts) {
  std::vector<flatbuffers::Offset<wire::Bytes>> offsets;
  offsets.reserve(texts.size());
  for (const auto& text : texts) offsets.push_back(put(builder, text));
  return builder.CreateVector(offsets);
}

/// Bytes that go to the kernel as a C string.
std::string get(const wire::Bytes* bytes, const char* field) {
  const auto* value = bytes->value();
  std::string text(value->begin(), value->end());
  if (text.find('\0') != std::string::npos) {
    throw Error(fmt::format("the plan's {} contains a NUL byte", field));
  }
  return text;
}

std::vector<std::string> get(const flatbuffers::Vector<flatbuffers::Offset<wire::Bytes>>* vector,
                             const char* field) {
  std::vector<std::string> texts;
  texts.reserve(vector->size());
  for (const auto* bytes : *vector) texts.push_back(get(bytes, field));
  return texts;
}

/// `highest` is the last value that this version knows; a newer minor version may have added one.
template <class To, class From>
To get(From value, From highest, const char* field) {
  if (value > highest) {
    throw Error(fmt::format("the plan's {} is {}, which this payload does not know", field,
                            static_cast<unsigned>(value)));
  }
  return static_cast<To>(value);
}

auto put(Builder& builder, const Place& place) {
  return wire::CreatePlace(builder, static_cast<wire::Moment>(place.moment),
                           builder.CreateString(place.phase));
}

auto put(Builder& builder, const std::vector<Place>& places) {
  std::vector<flatbuffers::Offset<wire::Place>> offsets;
  offsets.reserve(places.size());
  for (const auto& place : places) offsets.push_back(put(builder, place));
  return builder.CreateVector(offsets);
}

auto put(Builder& builder, const std::vector<Hook>& hooks) {
  std::vector<flatbuffers::Offset<wire::Hook>> offsets;
  offsets.reserve(hooks.size());
  for (const auto& hook : hooks) {
    const auto at = put(builder, hook.at);
    const auto arguments = put(builder, hook.arguments);
    offsets.push_back(wire::CreateHook(builder, at, arguments, hook.must_succeed));
  }
  return builder.CreateVector(offsets);
}

auto put(Builder& builder, const std::vector<Companion>& companions) {
  std::vector<flatbuffers::Offset<wire::Companion>> offsets;
  offsets.reserve(companions.size());
  for (const auto& companion : companions) {
    const auto name = builder.CreateString(companion.name);
    const auto root = put(builder, companion.root);
    const auto arguments = put(builder, companion.arguments);
    offsets.push_back(wire::CreateCompanion(builder, name, root, arguments));
  }
  return builder.CreateVector(offsets);
}

flatbuffers::Offset<wire::Network> put(Builder& builder, const Network& network) {
  const auto messages = put(builder, network.messages);
  const auto settings = put(builder, network.settings);
  const auto name_servers = put(builder, network.name_servers);
  const auto search_domains = put(builder, network.search_domains);
  const auto given_up = put(builder, network.given_up);
  const auto client = put(builder, network.client);
  return wire::CreateNetwork(builder, messages, settings, name_servers, search_domains, given_up,
                             client);
}

/// Those of rtnetlink have every byte there is.
std::vector<std::string> get_messages(const wire::Network& network) {
  std::vector<std::string> messages;
  messages.reserve(network.messages()->size());
  for (const auto* bytes : *network.messages())
    messages.emplace_back(bytes->value()->begin(), bytes->value()->end());
  return messages;
}

Network get(const wire::Network& network) {
  return {get_messages(network),
          get(network.settings(), "settings of the network"),
          get(network.name_servers(), "name servers"),
          get(network.search_domains(), "search domains"),
          get(network.given_up(), "addresses to be given up"),
          get(network.client(), "ssh client")};
}

Place get(const wire::Place& place) {
  return {get<Moment>(place.moment(), wire::Moment::MAX, "moment"), place.phase()->str()};
}

Hook get(const wire::Hook& hook) {
  return {get(*hook.at()), get(hook.arguments(), "arguments of a hook"), hook.must_succeed()};
}

Companion get(const wire::Companion& companion) {
  return {companion.name()->str(), get(companion.root(), "root of a companion"),
          get(companion.arguments(), "arguments of a companion")};
}

/// A directory in layout::directory: the payload mounts in it.
bool is_in_own_directory(std::string_view path) {
  constexpr std::string_view directory = layout::directory;
  if (!path.starts_with(directory) || path.size() < directory.size() + 2) return false;
  const auto name = path.substr(directory.size() + 1);
  return path[directory.size()] == '/' && name.find('/') == std::string_view::npos && name != "." &&
         name != "..";
}

void check(const Companion& companion) {
  if (!is_in_own_directory(companion.root))
    throw Error(fmt::format("the root of the plan's companion {} is '{}', and no directory in {}",
                            companion.name, companion.root, layout::directory));
  if (companion.arguments.empty() || !companion.arguments.front().starts_with('/'))
    throw Error(fmt::format("the plan's companion {} names no absolute path", companion.name));
}

/// An absolute path as the kernel writes it, of nothing that the payload mounts itself.
bool can_be_kept(const std::string& mount) {
  const std::filesystem::path path(mount);
  if (!path.is_absolute() || path.lexically_normal().string() != mount || !path.has_filename())
    return false;
  const auto first = std::next(path.begin())->string();
  return std::find(layout::mount_points.begin(), layout::mount_points.end(), first) ==
         layout::mount_points.end();
}

void check_values(const Plan& plan) {
  if (plan.arguments.empty()) throw Error("the plan has no arguments: argv[0] is missing");
  for (const auto& hook : plan.hooks) {
    if (hook.arguments.empty() || !hook.arguments.front().starts_with('/'))
      throw Error(fmt::format("the plan's hook {} names no absolute path", to_string(hook.at)));
  }
  for (const auto& companion : plan.companions) check(companion);
  const auto& [uid, gid, groups] = plan.credentials;
  constexpr auto unchanged = std::numeric_limits<std::uint32_t>::max();
  if (uid == unchanged || gid == unchanged)
    throw Error("the plan's user or group is 4294967295, which setresuid(2) takes for none");
  if (plan.began.count() < 0) throw Error("the plan began before the machine");
  constexpr int last_signal = 64;
  if (plan.stop_signal < 1 || plan.stop_signal > last_signal)
    throw Error(fmt::format("the plan's stop signal is {}, which is none", plan.stop_signal));
  for (const auto& mount : plan.kept_mounts) {
    if (!can_be_kept(mount))
      throw Error(fmt::format("the plan's kept mount '{}' is none that can be kept", mount));
  }
  for (const auto& [field, path] : {std::pair{"executable", &plan.executable},
                                    std::pair{"working directory", &plan.working_directory}}) {
    if (!path->starts_with('/')) {
      throw Error(fmt::format("the plan's {} '{}' is not an absolute path", field, *path));
    }
  }
}

std::span<const std::uint8_t> checked_body(std::span<const std::uint8_t> file) {
  if (file.empty()) throw Error("the plan is empty");
  if (file.size() < header_size) {
    throw Error(fmt::format("the plan is cut short: {} bytes, its header alone has {}", file.size(),
                            header_size));
  }
  if (std::memcmp(file.data(), magic.data(), magic.size()) != 0) {
    throw Error("this is not a plan: it does not begin with DBOOTPLN");
  }
  const auto* data = file.data();
  const std::uint16_t major = boost::endian::load_little_u16(data + major_at);
  if (major != major_version) {
    throw Error(
        fmt::format("the plan has major version {}, this payload knows {}: use the dboot-init "
                    "that came with this dboot-inject",
                    major, major_version));
  }
  const std::uint64_t length = boost::endian::load_little_u64(data + length_at);
  if (length != file.size() - header_size) {
    throw Error(
        fmt::format("the plan is cut short or has grown: {} bytes follow its header, which says {}",
                    file.size() - header_size, length));
  }
  const std::uint32_t expected = boost::endian::load_little_u32(data + crc_at);
  if (const std::uint32_t found = checksum(file); found != expected) {
    throw Error(fmt::format("the plan is damaged: CRC-32C {:08x}, its header says {:08x}", found,
                            expected));
  }
  return file.subspan(header_size);
}

}  // namespace

std::vector<std::uint8_t> encode(const Plan& plan) {
  check_values(plan);
  Builder builder;
  const auto executable = put(builder, plan.executable);
  const auto arguments = put(builder, plan.arguments);
  const auto environment = put(builder, plan.environment);
  const auto working_directory = put(builder, plan.working_directory);
  const auto console = builder.CreateString(plan.console);
  const auto hostname = put(builder, plan.hostname);
  const auto injector_version = builder.CreateString(plan.injector_version);
  const auto log_to = builder.CreateVectorOfStrings(plan.log_to);
  const auto groups = builder.CreateVector(plan.credentials.groups);
  const auto hooks = put(builder, plan.hooks);
  const auto breakpoints = put(builder, plan.breakpoints);
  const auto companions = put(builder, plan.companions);
  const auto kept_mounts = put(builder, plan.kept_mounts);
  flatbuffers::Offset<wire::Network> network;
  if (plan.network != Network{}) network = put(builder, plan.network);

  wire::PlanBuilder table(builder);
  table.add_scope(static_cast<wire::Scope>(plan.scope));
  table.add_executable(executable);
  table.add_arguments(arguments);
  table.add_environment(environment);
  table.add_working_directory(working_directory);
  table.add_start(static_cast<wire::Start>(plan.start));
  table.add_on_exit(static_cast<wire::OnExit>(plan.on_exit));
  table.add_on_failure(static_cast<wire::OnFailure>(plan.on_failure));
  table.add_grace_ms(static_cast<std::uint32_t>(plan.grace.count()));
  table.add_console(console);
  table.add_hostname(hostname);
  table.add_log_level(static_cast<wire::LogLevel>(plan.log_level));
  table.add_began_ns(static_cast<std::uint64_t>(plan.began.count()));
  table.add_kernel_panic(plan.kernel_panic.value_or(no_kernel_panic));
  table.add_injector_version(injector_version);
  table.add_uid(plan.credentials.uid);
  table.add_gid(plan.credentials.gid);
  table.add_groups(groups);
  table.add_stop_signal(plan.stop_signal);
  table.add_disk_log(plan.disk_log);
  table.add_log_to(log_to);
  table.add_hooks(hooks);
  table.add_hook_timeout_ms(static_cast<std::uint32_t>(plan.hook_timeout.count()));
  table.add_breakpoints(breakpoints);
  table.add_break_timeout_ms(static_cast<std::uint32_t>(plan.break_timeout.count()));
  table.add_on_break(static_cast<wire::OnBreak>(plan.on_break));
  table.add_require_release(plan.require_release);
  table.add_keep_network(plan.keep_network);
  table.add_network(network);
  table.add_flush_firewall(plan.flush_firewall);
  table.add_companions(companions);
  table.add_caller(plan.caller);
  table.add_attachable(plan.attachable);
  table.add_confirm_within_ms(static_cast<std::uint32_t>(plan.confirm_within.count()));
  table.add_kept_mounts(kept_mounts);
  builder.Finish(table.Finish());

  std::vector<std::uint8_t> file(header_size + builder.GetSize());
  std::memcpy(file.data(), magic.data(), magic.size());
  boost::endian::store_little_u16(file.data() + major_at, major_version);
  boost::endian::store_little_u16(file.data() + minor_at, minor_version);
  boost::endian::store_little_u64(file.data() + length_at, builder.GetSize());
  std::memcpy(file.data() + header_size, builder.GetBufferPointer(), builder.GetSize());
  boost::endian::store_little_u32(file.data() + crc_at, checksum(file));
  return file;
}

Plan decode(std::span<const std::uint8_t> file) {
  const auto body = checked_body(file);
  // FlatBuffers reads its scalars in place and wants them aligned.
  std::vector<std::uint64_t> aligned(body.size() / sizeof(std::uint64_t) + 1);
  std::memcpy(aligned.data(), body.data(), body.size());
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(aligned.data());
  flatbuffers::Verifier verifier(bytes, body.size());
  if (!wire::VerifyPlanBuffer(verifier)) {
    throw Error("the plan's FlatBuffer is malformed or lacks a required field");
  }
  const wire::Plan* table = wire::GetPlan(bytes);

  Plan plan;
  plan.scope = get<Scope>(table->scope(), wire::Scope::MAX, "scope");
  plan.executable = get(table->executable(), "executable");
  plan.arguments = get(table->arguments(), "arguments");
  plan.environment = get(table->environment(), "environment");
  plan.working_directory = get(table->working_directory(), "working directory");
  plan.start = get<Start>(table->start(), wire::Start::MAX, "start");
  plan.on_exit = get<OnExit>(table->on_exit(), wire::OnExit::MAX, "on-exit");
  plan.on_failure = get<OnFailure>(table->on_failure(), wire::OnFailure::MAX, "on-failure");
  plan.grace = std::chrono::milliseconds(table->grace_ms());
  plan.console = table->console()->str();
  plan.hostname = get(table->hostname(), "hostname");
  plan.log_level = get<log::Level>(table->log_level(), wire::LogLevel::MAX, "log level");
  plan.began = std::chrono::nanoseconds(table->began_ns());
  if (table->kernel_panic() != no_kernel_panic) plan.kernel_panic = table->kernel_panic();
  if (table->injector_version() != nullptr)
    plan.injector_version = table->injector_version()->str();
  plan.credentials.uid = table->uid();
  plan.credentials.gid = table->gid();
  if (table->groups() != nullptr)
    plan.credentials.groups.assign(table->groups()->begin(), table->groups()->end());
  plan.stop_signal = table->stop_signal();
  plan.disk_log = table->disk_log();
  if (table->log_to() != nullptr) {
    for (const auto* destination : *table->log_to()) plan.log_to.push_back(destination->str());
  }
  if (table->hooks() != nullptr) {
    for (const auto* hook : *table->hooks()) plan.hooks.push_back(get(*hook));
  }
  plan.hook_timeout = std::chrono::milliseconds(table->hook_timeout_ms());
  if (table->breakpoints() != nullptr) {
    for (const auto* place : *table->breakpoints()) plan.breakpoints.push_back(get(*place));
  }
  plan.break_timeout = std::chrono::milliseconds(table->break_timeout_ms());
  plan.on_break = get<OnBreak>(table->on_break(), wire::OnBreak::MAX, "on-break");
  plan.require_release = table->require_release();
  plan.keep_network = table->keep_network();
  if (table->network() != nullptr) plan.network = get(*table->network());
  plan.flush_firewall = table->flush_firewall();
  if (table->companions() != nullptr) {
    for (const auto* companion : *table->companions()) plan.companions.push_back(get(*companion));
  }
  plan.caller = table->caller();
  plan.attachable = table->attachable();
  plan.confirm_within = std::chrono::milliseconds(table->confirm_within_ms());
  if (table->kept_mounts() != nullptr) plan.kept_mounts = get(table->kept_mounts(), "kept mounts");
  check_values(plan);
  return plan;
}

}  // namespace dboot::plan
