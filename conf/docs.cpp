// docs/directives.md, genkan.toml(5) and conf/full.toml from the table of directives.
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "conf/chain.hpp"
#include "conf/reader.hpp"
#include "conf/roff.hpp"
#include "conf/table.hpp"

namespace genkan::conf {
namespace {

std::string join(const std::string& outer, std::string_view inner) {
  return outer.empty() ? std::string(inner) : outer + "." + std::string(inner);
}

std::string bracketed(const Section& section, const std::string& dotted) {
  return section.repeated ? "[[" + dotted + "]]" : "[" + dotted + "]";
}

std::string default_of(const Section& section, const Row& row) {
  return show(row.type, row.slot(section.defaults.get()));
}

bool is_empty(const std::string& toml) { return toml == "\"\"" || toml == "[]"; }

// "a duration from 10ms to 1h", "required"; the default apart, because each document sets it in its own way.
struct Facts {
  std::string type, standard;  // standard: the default in TOML; empty when there is none
  std::string_view unset;
};

Facts facts_of(const Section& section, const Row& row) {
  Facts facts{describe(row.type), default_of(section, row), row.type.unset};
  if (row.type.required || !row.type.unset.empty() || facts.standard == "\"\"") facts.standard.clear();
  return facts;
}

// Visits every section, outer ones first.
template <class F>
void each_section(const Section& section, const std::string& dotted, F visit) {
  for (const auto& child : section.sections) {
    const std::string name = join(dotted, child.name);
    visit(child, name);
    each_section(child, name, visit);
  }
}

// --- Markdown

void markdown_section(std::ostringstream& out, const Section& section, const std::string& dotted) {
  out << "\n## `" << bracketed(section, dotted) << "`\n\n" << section.help << "\n";
  for (const auto& row : section.rows) {
    const Facts facts = facts_of(section, row);
    out << "\n- **`" << row.name << "`**: " << facts.type;
    if (row.type.required) out << "; required, such as `" << row.type.example << "`";
    if (!facts.unset.empty()) out << "; default: " << facts.unset;
    if (!facts.standard.empty()) out << "; default `" << facts.standard << "`";
    out << ".  \n  " << row.help << "\n";
  }
}

constexpr std::string_view kMarkdownHead = R"(# Directives

*Made from the table of directives by `./dev docs`; not to be edited by hand.*

The configuration is [TOML](https://toml.io). `genkan check FILE` reads it, says everything that is wrong with it with file,
line and column, and names the nearest valid directive. A running Genkan reads it again on SIGHUP; a file with an
error changes nothing. A directive that is left out, or is an empty string, has its default.

- **Sections.** `[name]` stands once. `[[name]]` may stand many times, each time adding one to the list;
  `[[pool.backend]]` and `[pool.health]` belong to the `[[pool]]` above them.
- **Durations** are strings with units: `"250ms"`, `"5s"`, `"1m30s"`, `"2h"`, `"7d"`. **Sizes** are bytes as a number, or
  strings: `"64KiB"`, `"10MiB"`, `"1GiB"`.
- **Paths** that do not begin with `/` start at the folder of the file they stand in.
- **`include`**, at the top of a file, names further files: `include = ["conf.d/*.toml"]`, relative to the file. A pattern
  gives its files in the order of their names and may match none; a plain name must exist. Lists of sections are
  joined, included files first, so that a route for everything else can stay at the end of the main file. Giving one
  value in two files is an error.
- **Environment.** `${NAME}` in a string is replaced by the environment variable, `${NAME:-default}` by `default` when it is unset or
  empty; without a default an unset variable is an error. `$${` stands for a plain `${`. Numbers and true/false can be given in
  this way too: `workers = "${WORKERS:-0}"`.
- **Secrets** may be given as `"file:/path"`: the value is what the file holds, without the newline at its end. A
  secret is never written to a log or shown on a page.
)";

void markdown_chain(std::ostringstream& out) {
  out << "\n## Candidacy functions\n\nFor `chain` in `[[pool]]`.\n\n";
  for (const auto& f : candidacy_functions()) {
    out << "- **`" << f.name << (f.argument == Argument::age ? " [age]" : "")
        << (f.argument == Argument::bias ? " [bias]" : "") << "`** " << f.help << ".\n";
  }
}

// --- man

void man_section(std::ostringstream& out, const Section& section, const std::string& dotted) {
  out << ".SS " << roff(bracketed(section, dotted)) << "\n" << roff_line(section.help);
  for (const auto& row : section.rows) {
    const Facts facts = facts_of(section, row);
    out << ".TP\n.B " << roff(row.name) << "\n" << roff_line(row.help);
    std::string type = "It is " + facts.type + ".";
    if (row.type.required) type += " Required, such as " + std::string(row.type.example) + ".";
    if (!facts.unset.empty()) type += " Default: " + std::string(facts.unset) + ".";
    if (!facts.standard.empty()) type += " Default: " + facts.standard + ".";
    out << roff_line(type);
  }
}

constexpr std::string_view kManHead =
    R"(.\" Made from the table of directives by `./dev docs`; not to be edited by hand.
.TH GENKAN.TOML 5 "" "Genkan" "File formats"
.SH NAME
genkan.toml \- configuration of genkan(8)
.SH DESCRIPTION
The configuration is TOML.
.B genkan check
.I FILE
reads it, says everything that is wrong with it with file, line and column, and names the nearest valid directive.
A running Genkan reads it again on SIGHUP; a file with an error changes nothing.
A directive that is left out, or is an empty string, has its default.
.TP
.B Sections
\fB[name]\fR stands once.
\fB[[name]]\fR may stand many times, each time adding one to the list;
\fB[[pool.backend]]\fR and \fB[pool.health]\fR belong to the \fB[[pool]]\fR above them.
.TP
.B Durations and sizes
Durations are strings with units: \(dq250ms\(dq, \(dq5s\(dq, \(dq1m30s\(dq, \(dq2h\(dq, \(dq7d\(dq.
Sizes are bytes as a number, or strings: \(dq64KiB\(dq, \(dq10MiB\(dq, \(dq1GiB\(dq.
.TP
.B Paths
that do not begin with / start at the folder of the file they stand in.
.TP
.B include
at the top of a file names further files: include = [\(dqconf.d/*.toml\(dq], relative to the file.
A pattern gives its files in the order of their names and may match none; a plain name must exist.
Lists of sections are joined, included files first.
Giving one value in two files is an error.
.TP
.B Environment
${NAME} in a string is replaced by the environment variable, ${NAME:\-default} by default when it is unset or empty;
without a default an unset variable is an error.
$${ stands for a plain ${.
Numbers and true or false can be given in this way too.
.TP
.B Secrets
may be given as \(dqfile:/path\(dq: the value is what the file holds, without the newline at its end.
A secret is never written to a log or shown on a page.
.SH DIRECTIVES
)";

constexpr std::string_view kManTail = R"(.SH FILES
.TP
.I /etc/genkan/genkan.toml
The configuration that is read when no other is named.
.TP
.I /usr/share/doc/genkan/examples/
Examples, among them full.toml with every directive.
.SH SEE ALSO
.BR genkan (8)
)";

void man_chain(std::ostringstream& out) {
  out << ".SH CANDIDACY FUNCTIONS\nFor\n.B chain\nin [[pool]].\n";
  for (const auto& f : candidacy_functions()) {
    out << ".TP\n.B " << f.name << (f.argument == Argument::age ? " [age]" : "")
        << (f.argument == Argument::bias ? " [bias]" : "") << "\n"
        << roff_line(std::string(f.help) + ".");
  }
}

// --- full.toml

// Comment lines of at most 118 characters.
void comment(std::ostringstream& out, std::string_view text) {
  constexpr std::size_t kWidth = 116;
  while (!text.empty()) {
    std::size_t end = text.size();
    if (end > kWidth) {
      end = text.rfind(' ', kWidth);
      if (end == std::string_view::npos) end = std::min(text.find(' '), text.size());
    }
    out << "# " << text.substr(0, end) << "\n";
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void example_section(std::ostringstream& out, const Section& section, const std::string& dotted) {
  out << "\n";
  comment(out, section.help);
  out << bracketed(section, dotted) << "\n";
  for (const auto& row : section.rows) {
    const Facts facts = facts_of(section, row);
    std::string help(row.help);
    if (!facts.unset.empty()) help += " Default: " + std::string(facts.unset) + ".";
    comment(out, help);
    std::string value = default_of(section, row);
    // Where the default is empty and would not pass, an example stands in its place.
    if (is_empty(value) || row.type.required) value = row.type.example.empty() ? value : std::string(row.type.example);
    out << row.name << " = " << value << "\n";
  }
}

constexpr std::string_view kExampleHead =
    R"(# Every directive of Genkan, each at its default. What must be given (names, addresses) shows an example.
# Made from the table of directives by `./dev docs`; copy from it what you need: a configuration names only what differs.

# Further files, relative to this one. Their lists of sections come before those of this file.
include = []
)";

}  // namespace

std::string directives_markdown() {
  std::ostringstream out;
  out << kMarkdownHead;
  each_section(table(), {}, [&](const Section& s, const std::string& dotted) { markdown_section(out, s, dotted); });
  markdown_chain(out);
  return out.str();
}

std::string directives_man() {
  std::ostringstream out;
  out << kManHead;
  each_section(table(), {}, [&](const Section& s, const std::string& dotted) { man_section(out, s, dotted); });
  man_chain(out);
  out << kManTail;
  return out.str();
}

std::string directives_example() {
  std::ostringstream out;
  out << kExampleHead;
  each_section(table(), {}, [&](const Section& s, const std::string& dotted) { example_section(out, s, dotted); });
  return out.str();
}

}  // namespace genkan::conf
