"""Writes unicode.txt, the data of Normalization.cs, from Python's unicodedata: python3 generate.py > unicode.txt

Lines, all numbers hexadecimal but the class:
  c FIRST LAST CLASS       canonical combining class of a range
  = CODE PARTS             canonical decomposition, one step, that composition undoes
  ! CODE PARTS             canonical decomposition, one step, that composition leaves alone
  k CODE PARTS             compatibility decomposition, one step
Hangul syllables are computed and not listed."""
import unicodedata as u

print('# Unicode', u.unidata_version)
codes = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
first = 0
for code in range(1, 0x110000):
    if u.combining(chr(code)) != u.combining(chr(first)):
        if u.combining(chr(first)):
            print(f'c {first:X} {code - 1:X} {u.combining(chr(first))}')
        first = code
for code in codes:
    parts = u.decomposition(chr(code)).split()
    if not parts:
        continue
    compat = parts[0].startswith('<')
    kind = 'k' if compat else '=' if u.normalize('NFC', chr(code)) == chr(code) else '!'
    print(kind, f'{code:X}', ' '.join(f'{int(p, 16):X}' for p in parts[compat:]))
