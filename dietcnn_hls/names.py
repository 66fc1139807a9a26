# SPDX-License-Identifier: Apache-2.0
"""Names in generated text: what may name a design, and how names of layers become identifiers.

A design's name becomes a C++ function, a SystemVerilog module, an argument of Tcl commands and the stem of files, so one check
holds for all of them, wherever a name is read. Layers may be called anything: their identifiers are made unique here.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.integers import sanitize
from dietcnn_hls.validation import shown

MAX_LENGTH = 80
"""Longest name of a design, and longest identifier of a layer: names of files that join both stay within 255 bytes."""

CPP = frozenset(
    """alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t char8_t class compl
    concept const const_cast consteval constexpr constinit continue co_await co_return co_yield decltype default delete do
    double dynamic_cast else enum explicit export extern false float for friend goto if inline int long mutable namespace new
    noexcept not not_eq nullptr operator or or_eq private protected public register reinterpret_cast requires return short
    signed sizeof static static_assert static_cast struct switch template this thread_local throw true try typedef typeid
    typename union unsigned using virtual void volatile wchar_t while xor xor_eq""".split()
)
"""Keywords of C++20."""

SYSTEMVERILOG = frozenset(
    """accept_on alias always always_comb always_ff always_latch and assert assign assume automatic before begin bind bins
    binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle checker class clocking cmos config const constraint
    context continue cover covergroup coverpoint cross deassign default defparam design disable dist do edge else end endcase
    endchecker endclass endclocking endconfig endfunction endgenerate endgroup endinterface endmodule endpackage endprimitive
    endprogram endproperty endspecify endsequence endtable endtask enum event eventually expect export extends extern final
    first_match for force foreach forever fork forkjoin function generate genvar global highz0 highz1 if iff ifnone ignore_bins
    illegal_bins implements implies import incdir include initial inout input inside instance int integer interconnect
    interface intersect join join_any join_none large let liblist library local localparam logic longint macromodule matches
    medium modport module nand negedge nettype new nexttime nmos nor noshowcancelled not notif0 notif1 null or output package
    packed parameter pmos posedge primitive priority program property protected pull0 pull1 pulldown pullup
    pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase randsequence rcmos real realtime ref reg reject_on release
    repeat restrict return rnmos rpmos rtran rtranif0 rtranif1 s_always s_eventually s_nexttime s_until s_until_with scalared
    sequence shortint shortreal showcancelled signed small soft solve specify specparam static string strong strong0 strong1
    struct super supply0 supply1 sync_accept_on sync_reject_on table tagged task this throughout time timeprecision timeunit
    tran tranif0 tranif1 tri tri0 tri1 triand trior trireg type typedef union unique unique0 unsigned until until_with untyped
    use uwire var vectored virtual void wait wait_order wand weak weak0 weak1 while wildcard wire with within wor xnor
    xor""".split()
)
"""Keywords of IEEE 1800-2017, table B.1."""

TCL = frozenset(
    """after append apply array bgerror binary break catch cd chan clock close concat continue coroutine dict encoding eof error
    eval exec exit expr fblocked fconfigure fcopy file fileevent flush for foreach format gets glob global history if incr info
    interp join lappend lassign lindex linsert list llength lmap load lrange lrepeat lreplace lreverse lsearch lset lsort
    namespace open package pid proc puts pwd read refchan regexp regsub rename return scan seek set socket source split string
    subst switch tailcall tell throw time trace try unknown unload unset update uplevel upvar variable vwait while yield
    yieldto zlib open_project open_solution set_top set_part add_files create_clock config_compile csim_design csynth_design
    cosim_design export_design""".split()
)
"""Commands of Tcl 8.6, and those of Vitis HLS that generated scripts use."""

C_LIBRARY = frozenset(
    """main std hls nnet unix linux i386 alloca assert errno environ daylight timezone tzname getdate_err signgam optarg opterr
    optind optopt stdin stdout stderr strdupa strndupa fd_set fd_mask va_list offsetof uint ulong ushort u_char u_int u_long
    u_short FILE NULL EOF WEOF NAN INFINITY BUFSIZ NFDBITS BIG_ENDIAN LITTLE_ENDIAN PDP_ENDIAN BYTE_ORDER MAXFLOAT NZERO P_tmpdir
    CSIGNAL MAX_CANON MAX_INPUT PIPE_BUF TEMP_FAILURE_RETRY TIME_UTC SNAN SNANF SNANL HUGE_VAL HUGE_VALF HUGE_VALL
    WCONTINUED WEXITED WEXITSTATUS WIFCONTINUED WIFEXITED WIFSIGNALED WIFSTOPPED WNOHANG WNOWAIT WSTOPPED WSTOPSIG WTERMSIG
    WUNTRACED L_INCR L_SET L_XTND MATH_ERREXCEPT MATH_ERRNO MB_CUR_MAX CLOCKS_PER_SEC
    assert_perror issubnormal math_errhandling
    program_invocation_name program_invocation_short_name""".split()
) | frozenset([*errno.errorcode.values(), "EDEADLK", "EHWPOISON", "EOPNOTSUPP", "EWOULDBLOCK"])
"""Macros, variables and name spaces that headers of C and C++ bring along."""

_C_PATTERN = re.compile(
    r"[a-z]\w*_t|pthread_\w+|u_int\d+|[A-Z0-9_]+_(MAX|MIN|WIDTH|C|BIT|OK)|NL_[A-Z]+MAX|SNANF\d+X?|[bl]e\d+toh|hto[bl]e\d+|"
    r"M_(\d_|E|LN|LOG|PI|SQRT)\w*|L_(ctermid|cuserid|tmpnam)|"
    r"(ADJ|CLOCK|CLONE|CLOSE|CPU|EXIT|F|FD|FP|HUGE|LC|MOD|PTHREAD|RENAME|SCHED|SEEK|SNAN|STA|STDERR|STDIN|STDOUT|TIMER)_[A-Z0-9_]+"
)
"""Types and macros of the C library, by the way they are built."""

OWN = frozenset(
    """clk rst in_valid in_ready in_data out_valid out_ready out_data firmware weights defines parameters tb_data nnet_utils
    sim sim_top sim_main Vsim_top dut top_tb build_prj build_opt bridge input output dietcnn dietcnn_hls""".split()
)
"""Ports, folders and files of generated projects."""


@cache
def own_modules() -> frozenset[str]:
    """Stems of the library files that designs stand beside: SystemVerilog modules and C++ headers."""
    templates = files("dietcnn_hls.templates")
    names = {item.name for folder in ("rtl", "hls", "yosys") for item in templates.joinpath(folder).iterdir()}
    return frozenset(name.split(".")[0] for name in names if not name.endswith(".md"))


def check_design_name(name: object, what: str = "design") -> str:
    """`name`, if it can name a design in every generated language and file.

    Args:
        name: what a user gave.
        what: what it names, for the message.

    Raises:
        ConfigError: says what it clashes with, and a name that would do.
    """
    if not isinstance(name, str):
        raise ConfigError(f"a {what} needs a name of letters, digits and '_', got {shown(name)}")
    reason = _clash(name)
    if reason:
        remedy = f"; '{_free(name)}' would do" if name else ""
        raise ConfigError(f"{name[:100]!r} cannot name a {what}: {reason}{remedy}")
    return name


def _clash(name: str) -> str | None:
    """Why `name` cannot name a design, or None."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name, flags=re.ASCII):
        return "use letters, digits and '_', beginning with a letter"
    if len(name) > MAX_LENGTH:
        return f"it has {len(name)} characters, of at most {MAX_LENGTH}"
    lowered = name.lower()
    for words, reason in (
        (CPP, "it is a keyword of C++"),
        (SYSTEMVERILOG, "it is a keyword of SystemVerilog"),
        (TCL, "it is a command of Tcl"),
        (own_modules(), "generated projects hold a module or header of that name"),
        (OWN, "generated projects hold a port, folder or file of that name"),
    ):
        if lowered in words or name in words:
            return reason
    if _is_c(name):
        return "the C library has a type, variable or macro of that name, or keeps names of this kind for itself"
    return None


def _free(name: str) -> str:
    """A name like `name` that passes the check."""
    stem = sanitize(name)[: MAX_LENGTH - 8].rstrip("_") or "design"
    return next(text for text in (stem, f"{stem}_net", f"my_{stem}_net", f"my_{stem}_design") if _clash(text) is None)


def design_name(text: str) -> str:
    """A design's name made of any text, for example a Keras model's name; text that is one already stays as it is."""
    return text if _clash(text) is None else _free(text)


def tcl_word(text: object) -> str:
    """`text` as one word of a Tcl script that stands for itself; ConfigError where nothing can make it one."""
    word = str(text)
    if re.fullmatch(r"[\w.+-]+", word, flags=re.ASCII):
        return word
    if re.search(r"[{}\\\x00-\x1f\x7f]", word):
        raise ConfigError(f"{word!r} holds a brace, a backslash or a control character, which a Tcl script cannot; rename it")
    return f"{{{word}}}"


def _is_c(name: str) -> bool:
    return name in C_LIBRARY or name.lower() in ("std", "hls", "nnet", "main") or _C_PATTERN.fullmatch(name) is not None


def unique_identifiers(names: Iterable[str], reserved: Iterable[str] = (), parts: Iterable[str] = ()) -> dict[str, str]:
    """Each name -> an identifier of its own in C++ and SystemVerilog, also on file systems that ignore case.

    Args:
        names: any text; identifiers of plain names are the names themselves, those of words that the languages keep for
            themselves get a trailing '_'.
        reserved: further such words, compared without case.
        parts: first words of what generated text appends to identifiers, behind a '_', to name parts of a layer: with 'out'
            among them, 'conv' and 'conv_out' cannot both stand.
    """
    words = CPP | SYSTEMVERILOG | OWN | {word.lower() for word in reserved}
    endings = frozenset(part.lower() for part in parts)
    result: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        base = sanitize(name)[:MAX_LENGTH]
        base = f"{base}_" if base.lower() in words or _is_c(base) else base
        candidate, number = base, 1
        while candidate.lower() in taken | words or _overlaps(candidate.lower(), taken, endings):
            number += 1
            short = base[: MAX_LENGTH - 12]
            candidate = f"layer{number}_{short}" if _overlaps(base.lower(), taken, endings) else f"{short}_{number}"
        taken.add(candidate.lower())
        result[name] = candidate
    return result


def _overlaps(candidate: str, taken: set[str], parts: frozenset[str]) -> bool:
    """Whether a part of `candidate` could have the name of another identifier or of its part, or the other way round."""

    def is_part(text: str, of: str) -> bool:
        return text.startswith(f"{of}_") and re.sub(r"\d+$", "", text[len(of) + 1 :].split("_")[0]) in parts

    return any(is_part(candidate, other) or is_part(other, candidate) for other in taken)


__all__ = [
    "CPP",
    "C_LIBRARY",
    "MAX_LENGTH",
    "OWN",
    "SYSTEMVERILOG",
    "TCL",
    "check_design_name",
    "design_name",
    "own_modules",
    "tcl_word",
    "unique_identifiers",
]
