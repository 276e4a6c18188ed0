using System.Text;

namespace Campfire.Realtime.Migrations.Exporting;

// All or nothing, as far as a file system goes: everything is compared before anything is written, and each file appears whole.
internal static class MigrationFolder
{
    private static readonly UTF8Encoding _encoding = new(encoderShouldEmitUTF8Identifier: false);

    public static async Task<IReadOnlyList<ExportedMigration>> WriteAsync(
        string directory, IReadOnlyList<CampfireMigration> migrations, bool overwrite, CancellationToken cancellationToken)
    {
        if (File.Exists(directory))
            throw new IOException($"{directory} is a file. Name a folder, usually supabase/migrations.");

        List<(ExportedMigration File, string Text)> files = [];
        List<string> differing = [];
        for (int index = 0; index < migrations.Count; index++)
        {
            string path = Path.Combine(directory, SupabaseMigrationFile.NameOf(migrations[index]));
            string text = SupabaseMigrationFile.TextOf(migrations[index], index == 0 ? null : migrations[index - 1]);
            if (await FindAsync(directory, migrations[index], text, cancellationToken).ConfigureAwait(false) is { } present)
            {
                files.Add((new(migrations[index], present, IsWritten: false), text));
                continue;
            }

            if (File.Exists(path))
                differing.Add(Path.GetFileName(path));
            files.Add((new(migrations[index], path, IsWritten: true), text));
        }

        if (differing.Count > 0 && !overwrite)
        {
            throw new CampfireMigrationException(
                CampfireMigrationErrorCode.FileDiffers,
                $"{directory} holds other files of the same names: {string.Join(", ", differing)}. Nothing was written. " +
                "Move them away, or overwrite them (--force).");
        }

        await WriteAsync(directory, files, cancellationToken).ConfigureAwait(false);
        return [.. files.Select(file => file.File)];
    }

    // Under any time, because its owner may have moved it behind a migration of his own.
    private static async Task<string?> FindAsync(
        string directory, CampfireMigration migration, string text, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(directory))
            return null;
        foreach (string path in Directory.EnumerateFiles(directory, $"*{SupabaseMigrationFile.EndOfNameOf(migration)}").Order(StringComparer.Ordinal))
        {
            string present = await File.ReadAllTextAsync(path, cancellationToken).ConfigureAwait(false);

            // A checkout with CRLF line ends is the same file.
            if (present.ReplaceLineEndings("\n") == text)
                return path;
        }

        return null;
    }

    private static async Task WriteAsync(
        string directory, List<(ExportedMigration File, string Text)> files, CancellationToken cancellationToken)
    {
        if (files.TrueForAll(file => !file.File.IsWritten))
            return;
        Directory.CreateDirectory(directory);

        // A folder inside, because a file can be moved in one step only within its file system; the Supabase CLI ignores the name.
        string unfinished = Path.Combine(directory, $".campfire-{Guid.NewGuid():N}");
        try
        {
            Directory.CreateDirectory(unfinished);
        }
        catch (UnauthorizedAccessException refused)
        {
            throw new UnauthorizedAccessException($"No file can be made in {directory}. Give the user the right to write there.", refused);
        }

        try
        {
            foreach ((ExportedMigration file, string text) in files.Where(file => file.File.IsWritten))
            {
                await File.WriteAllTextAsync(
                    Path.Combine(unfinished, Path.GetFileName(file.Path)), text, _encoding, cancellationToken).ConfigureAwait(false);
            }

            foreach ((ExportedMigration file, _) in files.Where(file => file.File.IsWritten))
                File.Move(Path.Combine(unfinished, Path.GetFileName(file.Path)), file.Path, overwrite: true);
        }
        finally
        {
            Directory.Delete(unfinished, recursive: true);
        }
    }
}
