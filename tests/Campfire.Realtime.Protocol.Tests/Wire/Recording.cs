using System.Text;
using System.Text.RegularExpressions;
using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Protocol.Tests.Wire;

/// <summary>One frame of a recording of the real server.</summary>
internal sealed partial record Recording(string File, int Line, WireDirection Direction, bool IsBinary, byte[] Bytes)
{
    public WireVersion Version => !IsBinary && Bytes[0] == '{' ? WireVersion.V1 : WireVersion.V2;

    public override string ToString() => $"{File}:{Line}";

    public static IEnumerable<Recording> ReadAll() => new[] { "v1-basic", "v2-basic", "private-v2", "token", "pg-v2" }.SelectMany(Read);

    private static IEnumerable<Recording> Read(string file)
    {
        using Stream stream = typeof(Recording).Assembly.GetManifestResourceStream($"Frames/{file}.txt")!;
        using var reader = new StreamReader(stream);
        int number = 0;
        while (reader.ReadLine() is { } line)
        {
            number++;
            Match match = FrameLine().Match(line);
            if (!match.Success)
                continue;

            bool isBinary = match.Groups["bin"].Success;
            string content = match.Groups["content"].Value;
            yield return new Recording(
                file,
                number,
                match.Groups["direction"].Value == ">" ? WireDirection.ToServer : WireDirection.ToClient,
                isBinary,
                isBinary ? Encoding.Latin1.GetBytes(HexByte().Replace(content, Unescape)) : Encoding.UTF8.GetBytes(content));
        }
    }

    private static string Unescape(Match match) => ((char)Convert.ToByte(match.Groups[1].Value, 16)).ToString();

    [GeneratedRegex(@"^\S+ [\d.]+ (?<direction>[<>]) (?<bin>BIN )?(?<content>.+)$")]
    private static partial Regex FrameLine();

    [GeneratedRegex(@"\\x([0-9a-f]{2})")]
    private static partial Regex HexByte();
}
