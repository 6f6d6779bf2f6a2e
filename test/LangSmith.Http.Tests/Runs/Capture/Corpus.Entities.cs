using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;

namespace LangSmith.Http.Tests.Runs.Capture;

/// <summary>EF Core, with the in-memory database and with SQLite.</summary>
internal static partial class Corpus
{
    private static IEnumerable<Row> Entities =>
    [
        Cut(
            "many to many, SQLite", static () => Database.Open(static context => context.Students.Include(static s => s.Courses).ToList()),
            "student 0"),
        Cut(
            "many to many, in memory",
            static () => Database.OpenInMemory(static context => context.Students.Include(static s => s.Courses).ToList()), "student 0"),
        Json(
            "one student with courses",
            static () => Database.Open(static context => context.Students.Include(static s => s.Courses).OrderBy(static s => s.Id).First()),
            "")
            with { Json = null, IsAsExpected = static json => json.StartsWith("{\"id\":1,\"name\":\"student 0\",\"courses\":[{\"id\":1,\"name\":\"course 0\",\"students\":[null]}", StringComparison.Ordinal) },
        Json(
            "student without Include",
            static () => Database.Open(static context => context.Students.OrderBy(static s => s.Id).AsNoTracking().First()),
            "{\"id\":1,\"name\":\"student 0\",\"courses\":[]}"),
        Json("DbContext", static () => Database.Open(static context => context), "\"Database\""),
        Json("DbSet", static () => Database.Open(static context => context.Blogs), "\"InternalDbSet<Blog>\""),
        Json(
            "query", static () => Database.Open(static context => context.Blogs.Where(static b => b.Id > 0)), "\"EntityQueryable<Blog>\""),
        Json(
            "async query", static () => Database.Open(static context => new { q = "kept", rows = context.Blogs.AsAsyncEnumerable() }),
            "{\"q\":\"kept\",\"rows\":\"InternalDbSet<Blog>\"}"),
        Json(
            "DbDataReader", static () => Database.Open(static context => context.Read("select * from Blogs")), "\"SqliteDataReader\"",
            static value => ((DbDataReader)((IOwned)value!).Value!).Read()),
        Json(
            "DbDataReader in a member",
            static () => Database.Open(static context => new { q = "kept", reader = context.Read("select 1") }),
            "{\"q\":\"kept\",\"reader\":\"SqliteDataReader\"}"),
        Json("DbConnection", static () => Database.Open(static context => context.Database.GetDbConnection()), "\"SqliteConnection\""),
        Json(
            "proxy, nothing loaded", static () => Database.Open(static context => context.Blogs.Single()),
            "{\"id\":1,\"title\":\"blog\"}"),
        Json("proxy, loaded", static () => Database.Open(static context => context.Blogs.Include(static b => b.Posts).Single()),
            "{\"id\":1,\"title\":\"blog\",\"posts\":[{\"id\":1,\"blog\":null,\"text\":\"post\"}]}"),
        Json(
            "proxy's reference", static () => Database.Open(static context => context.Posts.AsNoTracking().Single()),
            "{\"id\":1,\"text\":\"post\"}"),
        Json(
            "proxy in a member", static () => Database.Open(static context => new { q = "kept", blog = context.Blogs.Single() }),
            "{\"q\":\"kept\",\"blog\":{\"id\":1,\"title\":\"blog\"}}"),
        Json(
            "ILazyLoader, nothing loaded", static () => Database.OpenPlain(static context => context.Authors.Single()),
            "{\"id\":1,\"name\":\"author\"}"),
        Json(
            "ILazyLoader, loaded",
            static () => Database.OpenPlain(static context => context.Authors.Include(static a => a.Books).Single()),
            "{\"id\":1,\"name\":\"author\",\"books\":[{\"id\":1,\"title\":\"book\"}]}"),
        Json(
            "ILazyLoader, in memory", static () => Database.OpenInMemory(static context => context.Authors.Single()),
            "{\"id\":1,\"name\":\"author\"}"),
        Json("entity made by hand", static () => new Author { Name = "new" }, "{\"id\":0,\"name\":\"new\",\"books\":[]}"),
        Json(
            "loader as a delegate", static () => Database.OpenPlain(static context => context.Editors.Single()),
            "{\"id\":1,\"name\":\"editor\"}"),
        Json("list of proxies", static () => Database.Open(static context => context.Blogs.ToList()), "[{\"id\":1,\"title\":\"blog\"}]"),
    ];
}

/// <summary>Of each test its own; counts the queries that run after the value was made.</summary>
internal sealed class Database : DbContext
{
    private readonly SqliteConnection? _connection;
    private readonly QueryCounter _queries = new();
    private readonly bool _isProxied;
    private readonly string _name = Guid.NewGuid().ToString();

    private Database(bool isSqlite, bool isProxied)
    {
        _isProxied = isProxied;
        if (!isSqlite)
            return;
        _connection = new SqliteConnection("Data Source=:memory:");
        _connection.Open();
    }

    public DbSet<Student> Students => Set<Student>();

    public DbSet<Course> Courses => Set<Course>();

    public DbSet<Blog> Blogs => Set<Blog>();

    public DbSet<Post> Posts => Set<Post>();

    public DbSet<Author> Authors => Set<Author>();

    public DbSet<Editor> Editors => Set<Editor>();

    internal static Corpus.IOwned Open(Func<Database, object> getValue) => Owned.Create(isSqlite: true, isProxied: true, getValue);

    internal static Corpus.IOwned OpenPlain(Func<Database, object> getValue) => Owned.Create(isSqlite: true, isProxied: false, getValue);

    internal static Corpus.IOwned OpenProxiesInMemory(Func<Database, object> getValue) =>
        Owned.Create(isSqlite: false, isProxied: true, getValue);

    internal static Corpus.IOwned OpenInMemory(Func<Database, object> getValue) =>
        Owned.Create(isSqlite: false, isProxied: false, getValue);

    internal DbDataReader Read(string sql)
    {
        var command = _connection!.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteReader();
    }

    public override void Dispose()
    {
        base.Dispose();
        _connection?.Dispose();
    }

    protected override void OnConfiguring(DbContextOptionsBuilder options)
    {
        options.AddInterceptors(_queries);
        if (_isProxied)
            options.UseLazyLoadingProxies(static proxies => proxies.IgnoreNonVirtualNavigations());
        if (_connection is null)
            options.UseInMemoryDatabase(_name);
        else
            options.UseSqlite(_connection);
    }

    protected override void OnModelCreating(ModelBuilder model) =>
        model.Entity<Student>().HasMany(static s => s.Courses).WithMany(static c => c.Students);

    private void Fill()
    {
        Database.EnsureCreated();
        AddRange(School.Create(7));
        Add(new Blog { Title = "blog", Posts = { new Post { Text = "post" } } });
        Add(new Author { Name = "author", Books = { new Book { Title = "book" } } });
        Add(new Editor { Name = "editor", Books = { new Book { Title = "edited" } } });
        SaveChanges();
        ChangeTracker.Clear();
    }

    /// <summary>A value and the database it is from.</summary>
    private sealed class Owned(Database context, object value, int queries) : Corpus.IOwned
    {
        public object Value => value;

        internal static Owned Create(bool isSqlite, bool isProxied, Func<Database, object> getValue)
        {
            var context = new Database(isSqlite, isProxied);
            context.Fill();
            var value = getValue(context);
            return new Owned(context, value, context._queries.Count);
        }

        public int Queries => context._queries.Count - queries;

        public void Dispose() => context.Dispose();
    }

    private sealed class QueryCounter : DbCommandInterceptor
    {
        internal int Count { get; private set; }

        public override InterceptionResult<DbDataReader> ReaderExecuting(
            DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result)
        {
            Count++;
            return result;
        }
    }
}

public class Blog
{
    public int Id { get; set; }

    public string? Title { get; set; }

    public virtual ICollection<Post> Posts { get; set; } = [];
}

public class Post
{
    public int Id { get; set; }

    public virtual Blog? Blog { get; set; }

    public string? Text { get; set; }
}

public class Author
{
    private readonly ILazyLoader? _loader;
    private List<Book>? _books = [];

    public Author()
    {
    }

    private Author(ILazyLoader loader)
    {
        _loader = loader;
        _books = null;
    }

    public int Id { get; set; }

    public string? Name { get; set; }

    public List<Book> Books
    {
        get => _loader.Load(this, ref _books) ?? [];
        set => _books = value;
    }
}

public class Editor
{
    private readonly Action<object, string>? _loader;
    private List<Book>? _books = [];

    public Editor()
    {
    }

    private Editor(Action<object, string> lazyLoader)
    {
        _loader = lazyLoader;
        _books = null;
    }

    public int Id { get; set; }

    public string? Name { get; set; }

    public List<Book> Books
    {
        get
        {
            _loader?.Invoke(this, nameof(Books));
            return _books ?? [];
        }
        set => _books = value;
    }
}

public class Book
{
    public int Id { get; set; }

    public string? Title { get; set; }
}
